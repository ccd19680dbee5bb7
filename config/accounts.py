"""How people log in: django-allauth, and what Waybill makes of it (`login/`)."""

SETTINGS = {
    "PASSWORD_RESET_TIMEOUT": 3_600,
    "ACCOUNT_ADAPTER": "login.adapters.AccountAdapter",
    "ACCOUNT_LOGIN_METHODS": {"email"},
    "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*", "password2*"],
    "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_EMAIL_SUBJECT_PREFIX": "[Waybill] ",
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_LOGOUT_REDIRECT_URL": "account_login",
    "ACCOUNT_REAUTHENTICATION_REQUIRED": True,
    # allauth's own would keep a list of addresses beside the users.
    "ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR": (
        "django.contrib.auth.tokens.PasswordResetTokenGenerator"
    ),
    "ACCOUNT_RATE_LIMITS": {
        "login": "30/m/ip",
        "login_failed": "10/m/ip,5/5m/key",
        "reset_password": "10/m/ip,3/h/key",
        "reset_password_from_key": "20/m/ip",
        "change_password": "5/m/user",
        "signup": "20/m/ip",
        "reauthenticate": "10/m/user",
        "keys": "30/m/user",
    },
    "MFA_ADAPTER": "login.adapters.MfaAdapter",
    "MFA_FORMS": {
        "authenticate": "login.forms.LoginCodeForm",
        "reauthenticate": "login.forms.ConfirmCodeForm",
        "activate_totp": "login.forms.EnrolForm",
    },
    "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes"],
    "MFA_TOTP_ISSUER": "Waybill",
    # A telephone's clock may be half a minute off; a code still works once only (login.forms).
    "MFA_TOTP_TOLERANCE": 1,
    # Users have one address, and their row says whether it is theirs for certain.
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,
    "SOCIALACCOUNT_ADAPTER": "login.adapters.SocialAccountAdapter",
}
