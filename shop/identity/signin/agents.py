"""What a browser says of itself, in a few words that its owner recognises."""

from flask_babel import gettext

_BROWSERS = (
    ("MicroMessenger", "微信"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("HuaweiBrowser/", "华为浏览器"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""By the first mark that is found: most browsers also claim to be the ones further down."""

_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device(agent: str) -> str:
    """Name browser and system. What a browser says of itself may be false; it is a hint, not a proof."""
    named = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in named if name) or gettext("未知设备")
