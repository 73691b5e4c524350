"""An order that both sides edited: the difference is shown, and a person says whose lines count."""

from crossdock.api.desk import Desk
from crossdock.domain.outcome import Done
from tests.console.desks import visitor
from tests.console.seed import CLASH, ERP, XSS, Day, clashed, key


async def test_a_person_sees_the_difference_and_chooses(day: Day, desk: Desk) -> None:
    await clashed(day, 701)
    path = f"/api/v1/orders/{key(701)}"
    wanted = {"action": "merge", "reason": "agreed by phone", "args": {"prefer": "channel", "seen": "abc"}}
    async with visitor(desk, "customer_service") as who:
        assert (await who.post(f"{path}/acts", wanted)).status_code == 403
    async with visitor(desk, "operator") as who:
        told = (await who.get(path)).json()
        assert told["clash"] == {"seen": "abc", "rows": CLASH["differences"]}
        assert "merge" in told["acts"]
        text = (await who.page(f"/orders/{key(701)}")).text
        assert ">Edited on both sides</h2>" in text
        assert "no such line" in text
        assert XSS not in text
        stream = told["whole"]["order"]["id"]
        form = {"action": "merge", "prefer": "channel", "seen": "abc", "reason": "agreed by phone"}
        assert (await who.submit(f"/streams/{stream}/acts", **{**form, "reason": ""})).status_code == 400
        assert (await who.submit(f"/streams/{stream}/acts", **form)).status_code == 303
        await day.decide()
        after = (await who.get(path)).json()
        assert after["clash"] is None
        assert "merge" not in after["acts"]
    seen = []
    await day.answer(ERP, lambda command: seen.append(command.purpose) or Done({"salesOrder": "40701"}))
    assert seen == ["booking.amend"]
    async with visitor(desk, "viewer") as who:
        steps = {step["name"]: step["status"] for step in (await who.get(path)).json()["steps"]}
        assert steps["booking.amend"] == "done"
