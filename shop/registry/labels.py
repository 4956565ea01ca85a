"""The words for codes that are no rows: modes, sides, pairing, and what stands for nobody and for nowhere."""

from flask_babel import lazy_gettext

LABELS = {
    ("partner", "none"): lazy_gettext("社会购买"),
    ("county", "unknown"): lazy_gettext("产地未知"),
    ("prefecture", "unknown"): lazy_gettext("产地未知"),
    ("side", "eastern"): lazy_gettext("东部协作省市"),
    ("side", "central"): lazy_gettext("中央定点帮扶单位"),
    ("side", "none"): lazy_gettext("社会购买"),
    ("mode", "direct"): lazy_gettext("直接采购"),
    ("mode", "assisted"): lazy_gettext("帮助销售"),
    ("pairing", "inside"): lazy_gettext("结对关系内"),
    ("pairing", "outside"): lazy_gettext("结对关系外"),
}
"""By dimension and code, as the ledger's totals give them."""
