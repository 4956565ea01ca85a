"""What the library says, in our words: its own Chinese catalogue lacks most of what this version shows."""

from flask_babel import lazy_gettext

MESSAGES = {
    "GENERIC_AUTHN_FAILED": (lazy_gettext("邮箱或密码不正确"), "error"),
    "INVALID_PASSWORD": (lazy_gettext("密码不正确"), "error"),
    "PASSWORD_INVALID_LENGTH": (lazy_gettext("密码至少要有 %(length)s 个字符"), "error"),
    "PASSWORD_IS_THE_SAME": (lazy_gettext("新密码不能与原密码相同"), "error"),
    "PASSWORD_CHANGE": (lazy_gettext("密码已修改，其他设备须重新登录"), "success"),
    "PASSWORD_NOT_PROVIDED": (lazy_gettext("请输入密码"), "error"),
    "RETYPE_PASSWORD_MISMATCH": (lazy_gettext("两次输入的密码不一致"), "error"),
    "INVALID_EMAIL_ADDRESS": (lazy_gettext("不是有效的邮箱地址"), "error"),
    "EMAIL_NOT_PROVIDED": (lazy_gettext("请输入邮箱"), "error"),
    "INVALID_REDIRECT": (lazy_gettext("不能跳转到本站以外的地址"), "error"),
    "UNAUTHENTICATED": (lazy_gettext("请先登录"), "info"),
    "REAUTHENTICATION_REQUIRED": (lazy_gettext("为了安全，请再次输入密码"), "info"),
    "REAUTHENTICATION_SUCCESSFUL": (lazy_gettext("密码已确认"), "success"),
    "TWO_FACTOR_INVALID_TOKEN": (lazy_gettext("动态验证码不正确或已用过"), "error"),
    "TWO_FACTOR_LOGIN_SUCCESSFUL": (lazy_gettext("登录成功"), "success"),
    "TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL": (lazy_gettext("双重验证已启用"), "success"),
    "TWO_FACTOR_DISABLED": (lazy_gettext("双重验证已停用"), "success"),
    "TWO_FACTOR_PERMISSION_DENIED": (lazy_gettext("请重新登录"), "info"),
    "TWO_FACTOR_METHOD_NOT_AVAILABLE": (lazy_gettext("不能使用这种验证方式"), "error"),
    "TWO_FACTOR_SETUP_EXPIRED": (lazy_gettext("设置超时，请重新开始"), "error"),
    "CONFIRM_REGISTRATION": (lazy_gettext("还差一步：请到 %(email)s 查收邮件，打开链接确认邮箱后登录。"), "success"),
    "CONFIRMATION_REQUEST": (lazy_gettext("如果 %(email)s 有待确认的账户，确认邮件已经发出。"), "info"),
    "CONFIRMATION_EXPIRED": (lazy_gettext("确认链接已过期，请重新获取。"), "error"),
    "INVALID_CONFIRMATION_TOKEN": (lazy_gettext("确认链接无效，请重新获取。"), "error"),
    "EMAIL_CONFIRMED": (lazy_gettext("邮箱已确认，可以登录了。"), "success"),
    "ALREADY_CONFIRMED": (lazy_gettext("邮箱此前已经确认，可以直接登录。"), "info"),
    "PASSWORD_RESET_REQUEST": (lazy_gettext("如果 %(email)s 有账户，重设密码的邮件已经发出，1 小时内有效。"), "info"),
    "PASSWORD_RESET_EXPIRED": (lazy_gettext("重设链接已过期，请重新获取。"), "error"),
    "INVALID_RESET_PASSWORD_TOKEN": (lazy_gettext("重设链接无效或已用过，请重新获取。"), "error"),
    "PASSWORD_RESET_NO_LOGIN": (lazy_gettext("密码已重设，请用新密码登录。"), "success"),
}
"""Text and tone, by the library's name for it."""
