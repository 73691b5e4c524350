"""Before the ERP's masters were read whole once, nothing is surely missing: the order waits, and says for what."""

from tests.domain.factories import ERP, FakeMasters, Play, line

from crossdock.domain.decision import ProductMaster
from crossdock.domain.events import MastersCame, OrderSeen

NOBODY: tuple[str, ...] = ()


def known(*skus: str) -> dict[str, ProductMaster]:
    return {sku: ProductMaster(sku, f"i-{sku}") for sku in skus}


def test_an_order_that_comes_before_the_items_waits_in_words() -> None:
    play = Play(masters=FakeMasters({}, unlisted=("product",)))
    decision = play.see()
    assert decision.opened == []
    assert (play.summary.status, play.summary.step) == ("waiting", "validate.products")
    assert play.summary.reason == "the items of erp1 are being read for the first time; not seen yet: SKU-1"
    assert play.wants == {("product", "SKU-1", True)}
    assert play.timers == {}, "nobody polls: the masters wake their orders"


def test_it_goes_on_as_soon_as_its_items_are_there() -> None:
    play = Play(masters=FakeMasters({}, unlisted=("product",)))
    play.see(lines=[line("1", sku="SKU-1"), line("2", sku="SKU-2")])
    play.tell(MastersCame(ERP, "product"), masters=FakeMasters(known("SKU-1"), unlisted=("product",)))
    assert play.wants == {("product", "SKU-2", True)}
    play.tell(MastersCame(ERP, "product"), masters=FakeMasters(known("SKU-1", "SKU-2"), unlisted=("product",)))
    assert play.purposes() == ["order.book"]
    assert play.wants == set()


def test_what_is_still_missing_after_the_first_round_is_a_problem() -> None:
    play = Play(masters=FakeMasters({}, unlisted=("product",)))
    play.see()
    play.tell(MastersCame(ERP, "product"), masters=FakeMasters({}))
    assert play.codes() == {"product.unknown"}
    assert play.wants == {("product", "SKU-1", False)}
    play.tell(MastersCame(ERP, "product"), masters=FakeMasters(known("SKU-1")))
    assert play.codes() == set()
    assert play.purposes() == ["order.book"]


def test_what_is_surely_wrong_is_told_at_once() -> None:
    inactive = {"SKU-1": ProductMaster("SKU-1", "i-1", active=False)}
    play = Play(masters=FakeMasters(inactive, unlisted=("product",)))
    play.see(lines=[line("1", sku="SKU-1"), line("2", sku="SKU-2"), line("3", sku="")])
    assert play.codes() == {"product.inactive", "product.no_sku"}
    assert play.wants == {("product", "SKU-1", True), ("product", "SKU-2", True)}


def test_nobody_is_booked_on_the_guest_before_all_customers_were_read() -> None:
    play = Play(masters=FakeMasters(customers=NOBODY, unlisted=("customer",)), guest_customer="guest-9")
    play.see()
    assert play.summary.reason == "the customers of erp1 are being read for the first time"
    play.tell(MastersCame(ERP, "customer"), masters=FakeMasters(customers=NOBODY))
    assert play.state.customer_ref == "guest-9"
    assert play.purposes() == ["order.book"]


def test_a_buyer_without_an_email_waits_for_nothing() -> None:
    play = Play(masters=FakeMasters(customers=NOBODY, unlisted=("customer",)), guest_customer="guest-9")
    play.see(customer=None)
    assert play.purposes() == ["order.book"]


def test_masters_mean_nothing_to_an_order_that_does_not_wait() -> None:
    play = Play()
    play.see()
    play.settle_all()
    before = list(play.journal)
    play.tell(MastersCame(ERP, "product"))
    blank = Play()
    blank.tell(MastersCame(ERP, "product"))
    assert play.journal == before
    assert blank.journal == []


def test_an_order_that_ended_lacks_nothing() -> None:
    play = Play(masters=FakeMasters({}, unlisted=("product",)))
    play.see()
    play.act("cancel")
    assert play.summary.status == "cancelled"
    assert play.wants == set()
    assert not play.state.wanting


def test_an_alarm_that_an_earlier_version_set_still_looks_again() -> None:
    play = Play(masters=FakeMasters({}))
    play.see()
    play.state.timers["revalidate"] = play.state.recorded_at  # type: ignore[assignment]
    play.timers["revalidate"] = play.state.timers["revalidate"]
    play.fire("revalidate", masters=FakeMasters(known("SKU-1")))
    assert play.purposes() == ["order.book"]


def test_the_same_view_again_looks_again() -> None:
    play = Play(masters=FakeMasters({}, unlisted=("product",)))
    play.see()
    play.world = {}
    play.tell(OrderSeen(play.state.order))  # type: ignore[arg-type]
    assert play.purposes() == ["order.book"]
