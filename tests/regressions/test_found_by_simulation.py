"""What ``crossdock prove`` found, each as the smallest scenario that broke a promise then; one line says what it was.

How ``docs/howto/read-a-violation.md`` says that such a line comes about.
"""

import pytest

from crossdock.proof.run import run
from crossdock.proof.story import decode

# What it was -> the scenario, as the report printed it.
FOUND = {
    "a 429 to reading back an invoice that was just made did not let the ERP rest": (
        b'{"seed":7,"profile":"limits","orders":[{"at":0.157,"wish":{"skus":["SKU-0011","SKU-0009"]}}],'
        b'"rates":{"rate_limited":0.265},"trouble_s":8.0,"replayed":false}'
    ),
    "the first poll by a clock that ran ahead set a watermark that left out what was sold before that time": (
        b'{"seed":1,"profile":"clocks","orders":[{"at":0.0,"wish":{"skus":["SKU-0001"]}}],'
        b'"rates":{"webhook_dropped":1.0},"skews":[5000.0],"trouble_s":8.0,"warm_s":0.0,"replayed":false}'
    ),
    "an address edited in the second in which the shop had been asked which of two views it shows was never taken": (
        b'{"seed":1096,"profile":"refusals","orders":[{"at":0.021,"wish":{"skus":["SKU-0006"]},"acts":'
        b'[[0.08,"tag_order"],[0.27,"edit_address"]]}],"rates":{"record_refused":0.404},"trouble_s":2.0,"replayed":false}'
    ),
    "an address corrected within a second of which another view had come, its own webhook lost, was never taken": (
        b'{"seed":5186,"profile":"webhooks","orders":[{"at":2.121,"wish":{"skus":["SKU-0010"]},"acts":'
        b'[[0.33,"cancel_order"],[0.58,"edit_address"]]}],"rates":{"webhook_late":0.422,"webhook_dropped":0.256},'
        b'"trouble_s":4.0,"replayed":false}'
    ),
    "an order that the shop's search showed late was passed over by a poll that failed between two pages": (
        b'{"seed":9707,"profile":"blind","orders":[{"at":9.12,"wish":{"skus":["SKU-0002","SKU-0009",'
        b'"SKU-0007"],"paid":false},"acts":[[2.68,"tag_order"],[5.0,"pay_order"]]},{"at":3.207,'
        b'"wish":{"skus":["SKU-0012","SKU-0006","SKU-0010"]},"acts":[[0.92,"tag_order"],[7.28,'
        b'"cancel_order"]]},{"at":6.623,"wish":{"skus":["SKU-0001"],"paid":false},"acts":[[0.87,'
        b'"cancel_order"],[1.38,"pay_order"],[4.42,"edit_address"]]},{"at":10.043,"wish":{"skus":['
        b'"SKU-0007","SKU-0001","SKU-0005"]}},{"at":8.623,"wish":{"skus":["SKU-0003"],"paid":false},'
        b'"acts":[[2.6,"pay_order"]]},{"at":7.765,"wish":{"skus":["SKU-0006","SKU-0001"]},"acts":[[0.52,'
        b'"cancel_order"]]}],"rates":{"webhook_dropped":0.307,"store_refused":0.055,'
        b'"commit_doubtful":0.07},"blows":[{"at":0.774,"kind":"unsubscribed","who":"shop"},{"at":2.691,'
        b'"kind":"unsubscribed","who":"shop"},{"at":3.182,"kind":"unsubscribed","who":"shop"},{"at":4.827,'
        b'"kind":"crash","who":"w2","for_s":1.71},{"at":5.322,"kind":"unsubscribed","who":"shop"},'
        b'{"at":7.28,"kind":"crash","who":"w2","for_s":5.21}],"workers":2,"skews":[400.0,-400.0],'
        b'"search_lag_s":0.7}'
    ),
    "an upsert saved late, after its repeat had been booked and closed again, opened the cancelled sales order anew": (
        b'{"seed":966,"profile":"late","orders":[{"at":3.552,"wish":{"skus":["SKU-0005"]},"acts":[[0.61,"cancel_order"]]}],'
        b'"rates":{"late_commit":0.2},"search_lag_s":0.0,"trouble_s":4.0,"replayed":false}'
    ),
    "a shipment posted late, before its repeat read the order, made the repeat say that too much was shipped": (
        b'{"seed":51616,"profile":"pauses","orders":[{"at":0.9,"wish":{"skus":["SKU-0004"]}},{"at":2.72,"wish":'
        b'{"skus":["SKU-0009"]},"acts":[[5.89,"edit_address"]]},{"at":2.288,"wish":{"skus":["SKU-0010"]}}],'
        b'"rates":{"late_commit":0.29},"blows":[{"at":1.157,"kind":"pause","who":"w2","for_s":10.99},'
        b'{"at":3.409,"kind":"pause","who":"w1","for_s":9.27}],"workers":2,"trouble_s":4.0,"replayed":false}'
    ),
    "a refund in another currency was left to the read-back, which a webhook of the same view kept from happening": (
        b'{"seed":19,"profile":"refunds","orders":[{"at":3.811,"wish":{"skus":["SKU-0008"]}},{"at":1.232,"wish":'
        b'{"skus":["SKU-0012","SKU-0006"]},"acts":[[4.6,"refund_amount"]]}],"rates":{"webhook_dropped":0.45},'
        b'"trouble_s":4.0,"replayed":false}'
    ),
    "a SKU whose row in the ERP's list of stock had no quantity ended the poll: no other SKU was heard of": (
        b'{"seed":3,"profile":"stock","orders":[{"at":3.0,"wish":{"skus":["SKU-0002"],"quantity":1}}],'
        b'"rates":{"row_unreadable":0.4},"trouble_s":4.0,"replayed":false,"stock":{"there":{"SKU-0001":4,'
        b'"SKU-0002":3},"shown":{"SKU-0001":4,"SKU-0002":3}}}'
    ),
    "a level from before a sale, told again by a replay, was believed, and a number was sent because of it": (
        b'{"seed":2,"profile":"stock","orders":[{"at":2.796,"wish":{"skus":["SKU-0010"]}}],"blows":'
        b'[{"at":3.9,"kind":"unsubscribed","who":"shop"}],"trouble_s":4.0,'
        b'"stock":{"there":{"SKU-0010":5},"shown":{"SKU-0010":5}}}'
    ),
    "a position that a process with a clock ahead had read kept every later one from counting, for as long": (
        b'{"seed":20,"profile":"stock","orders":[{"at":2.877,"wish":{"skus":["SKU-0012"]}}],'
        b'"skews":[2000.0,-2000.0],"trouble_s":4.0,"replayed":false,"stock":{"there":{"SKU-0011":2},'
        b'"shown":{"SKU-0011":0},"acts":[{"at":4.643,"verb":"lose","sku":"SKU-0011","units":2}],"restocks":true}}'
    ),
    "a late view of the second of an exchange, without the line that it added, called the exchange order off": (
        b'{"seed":89,"profile":"exchanges","orders":[{"at":2.041,"wish":{"skus":["SKU-0008"],"paid":false,'
        b'"presentment":"EUR"},"acts":[[5.82,"exchange_dearer"],[6.15,"pay_order"],[7.82,"exchange_dearer"],[11.06,'
        b'"exchange_even"]]},{"at":1.081,"wish":{"skus":["SKU-0006","SKU-0005"],"presentment":"EUR"},"acts":[[7.25,'
        b'"exchange_even"],[8.94,"exchange_even"],[9.25,"exchange_even"],[11.07,"refund_unit"]]}],"rates":'
        b'{"late_commit":0.186,"answer_lost":0.087,"webhook_late":0.466},"workers":2,"trouble_s":30.0,"replayed":false}'
    ),
    "two parcels of one item on two lines, posted at once, meant one line of the sales order: one was refused": (
        b'{"seed":196,"profile":"exchanges","orders":[{"at":1.021,"wish":{"skus":["SKU-0012"]},"acts":[[0.32,'
        b'"cancel_order"],[8.08,"exchange_even"]]},{"at":3.935,"wish":{"skus":["SKU-0008"],"paid":false},"acts":'
        b'[[7.08,"pay_order"],[8.95,"exchange_dearer"]]},{"at":1.24,"wish":{"skus":["SKU-0011","SKU-0006"]},"acts":'
        b'[[6.88,"exchange_dearer"],[7.8,"refund_unit"],[8.88,"exchange_dearer"],[10.48,"tag_order"]]},{"at":1.168,'
        b'"wish":{"skus":["SKU-0012"],"paid":false},"acts":[[4.55,"exchange_even"],[5.51,"exchange_even"],[6.55,'
        b'"exchange_dearer"],[6.58,"pay_order"]]}],"rates":{"webhook_dropped":0.159,"answer_lost":0.135},"blows":'
        b'[{"at":0.486,"kind":"crash","who":"w1","for_s":3.47},{"at":1.704,"kind":"crash","who":"w1","for_s":0.37},'
        b'{"at":1.881,"kind":"crash","who":"w1","for_s":1.5}],"workers":2,"trouble_s":30.0,"replayed":false}'
    ),
    "a return of goods that left before the release was answered was announced without the warehouse's id of it": (
        b'{"seed":2,"profile":"returns","orders":[{"at":7.804,"wish":{"skus":["SKU-0012","SKU-0007","SKU-0008"],'
        b'"paid":false,"quantity":1},"acts":[[7.55,"pay_order"],[9.24,"send_back_all"]]},{"at":0.979,"wish":{"skus":'
        b'["SKU-0004"],"paid":false,"quantity":3},"acts":[[5.59,"pay_order"],[7.69,"warehouse hold"],[8.28,'
        b'"send_back"],[13.23,"send_back"]]},{"at":0.4,"wish":{"skus":["SKU-0010"],"quantity":1},"acts":[[2.66,'
        b'"send_back_all"],[13.03,"send_back"]]}],"rates":{"webhook_dropped":0.486,"late_commit":0.092},"blows":'
        b'[{"at":0.202,"kind":"crash","who":"w1","for_s":2.86},{"at":2.383,"kind":"crash","who":"w2","for_s":2.72}],'
        b'"workers":2,"trouble_s":30.0,"replayed":false,"returns":true}'
    ),
    "a label made anew at once was read from a list that did not have the shipment yet: a dead one stayed": (
        b'{"seed":243,"profile":"late","orders":[{"at":0.5,"wish":{"skus":["SKU-0011"]},"acts":[[3.2,'
        b'"warehouse void_label"]]}],"search_lag_s":0.7,"trouble_s":8.0,"replayed":false}'
    ),
    "a push whose second call the shop refused by its limit was in doubt, and the shop was called on at once": (
        b'{"seed":710,"profile":"swarm","orders":[{"at":3.819,"wish":{"skus":["SKU-0001","SKU-0006","SKU-0008"],'
        b'"paid":false},"acts":[[2.3,"pay_order"]]},{"at":2.814,"wish":{"skus":["SKU-0006","SKU-0008"]}},{"at":0.647,'
        b'"wish":{"skus":["SKU-0012","SKU-0005","SKU-0011"]}}],"rates":{"rate_limited":0.308,"error_503":0.181,'
        b'"wake_lost":0.505,"answer_502":0.123,"commit_aborted":0.071},"search_lag_s":0.28}'
    ),
    "a return called off before any poll had seen it, the word of it lost, was expected at the warehouse for ever": (
        b'{"seed":146,"profile":"returns","orders":[{"at":4.331,"wish":{"skus":["SKU-0009"]},"acts":[[9.56,"send_back"]]}],'
        b'"rates":{"error_503":0.214,"webhook_dropped":0.396,"answer_lost":0.222},"trouble_s":30.0,"returns":true}'
    ),
    "a second refund within the second of a view, its webhooks lost, was called what the view before it was called": (
        b'{"seed":241,"profile":"returns","orders":[{"at":0.761,"wish":{"skus":["SKU-0004"],"paid":false},"acts":[[5.06,'
        b'"send_back_all"],[7.97,"pay_order"]]},{"at":0.415,"wish":{"skus":["SKU-0005"],"quantity":3},"acts":[[13.84,'
        b'"send_back_all"]]},{"at":3.416,"wish":{"skus":["SKU-0012"],"quantity":1},"acts":[[1.15,"tag_order"],[8.52,'
        b'"send_back"]]},{"at":3.332,"wish":{"skus":["SKU-0006"],"paid":false,"quantity":3},"acts":[[2.24,"send_back"],'
        b'[4.96,"pay_order"],[9.17,"send_back_all"]]}],"rates":{"webhook_dropped":0.479},"trouble_s":30.0,'
        b'"replayed":false,"returns":true}'
    ),
    "a refund that was known before its view made the sales order a cent dearer than what was refunded left of it": (
        b'{"seed":584,"profile":"refunds","orders":[{"at":3.871,"wish":{"skus":["SKU-0012"]}},{"at":3.317,"wish":{"skus":['
        b'"SKU-0003","SKU-0005"]},"acts":[[1.97,"refund_unit"]]},{"at":1.934,"wish":{"skus":["SKU-0009","SKU-0012",'
        b'"SKU-0001"],"paid":false},"acts":[[1.63,"refund_kept_unit"],[2.91,"pay_order"]]},{"at":3.146,"wish":{"skus":['
        b'"SKU-0007"]},"acts":[[1.97,"refund_kept_unit"],[3.9,"refund_unit"],[4.69,"refund_unit"]]}],"rates":{'
        b'"answer_lost":0.183,"error_503":0.158,"webhook_duplicate":0.387,"webhook_late":0.395,"webhook_dropped":0.423},'
        b'"workers":2,"trouble_s":4.0,"replayed":false}'
    ),
    "after a restore, goods that were written off took the number of a receipt that had put others into stock": (
        b'{"seed":62,"profile":"restored","orders":[{"at":2.692,"wish":{"skus":["SKU-0005"]},"acts":[[4.52,"send_back"],'
        b'[13.36,"send_back"]]}],"blows":[{"at":15.197,"kind":"restored","for_s":2.6}],"trouble_s":30.0,'
        b'"replayed":false,"returns":true}'
    ),
    "after a restore, a receipt of fewer goods than the database knew of was taken for all of them": (
        b'{"seed":1477,"profile":"restored","orders":[{"at":2.175,"wish":{"skus":["SKU-0006","SKU-0007"],"paid":false},'
        b'"acts":[[7.15,"send_back_all"],[7.45,"pay_order"],[7.91,"send_back"]]}],"blows":[{"at":10.538,"kind":"restored",'
        b'"for_s":8.25}],"trouble_s":30.0,"replayed":false,"returns":true}'
    ),
    "after a restore, a credit memo that left goods to their receipt was taken for one that puts them into stock": (
        b'{"seed":1087,"profile":"restored","orders":[{"at":3.286,"wish":{"skus":["SKU-0007","SKU-0003"],"paid":false},'
        b'"acts":[[4.51,"pay_order"],[12.45,"send_back"]]}],"blows":[{"at":12.588,"kind":"restored","for_s":7.38}],'
        b'"trouble_s":30.0,"replayed":false,"returns":true}'
    ),
    "after a restore, goods that were in a receipt that was not understood were posted once more beside it": (
        b'{"seed":1698,"profile":"restored","orders":[{"at":0.739,"wish":{"skus":["SKU-0006"],"quantity":3},"acts":[[13.85,'
        b'"send_back"]]},{"at":2.655,"wish":{"skus":["SKU-0012","SKU-0003"],"quantity":1},"acts":[[2.15,"send_back"],[4.58,'
        b'"send_back"]]},{"at":1.784,"wish":{"skus":["SKU-0009"],"quantity":2},"acts":[[6.21,"send_back"],[7.96,'
        b'"tag_order"],[10.31,"send_back"]]},{"at":3.929,"wish":{"skus":["SKU-0006"]},"acts":[[4.57,"send_back"]]}],'
        b'"rates":{"answer_lost":0.194,"webhook_late":0.39},"blows":[{"at":21.18,"kind":"restored","for_s":9.71}],'
        b'"workers":2,"search_lag_s":0.0,"trouble_s":30.0,"replayed":false,"returns":true}'
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_the_simulation_found_stays_mended(what: str) -> None:
    ran = run(decode(FOUND[what]))
    assert ran.faults
    assert ran.violations == []
