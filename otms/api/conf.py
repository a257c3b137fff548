"""What the API's libraries are told: how calls are read and answered, and what the reference says.

settings.py takes it over; nothing of it differs from place to place.
"""

from typing import Any

from otms import __version__

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "otms.accounts.authentication.BearerAuthentication",
        "integrations.api.authentication.AppAuthentication",
        "integrations.api.authentication.CredentialAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["otms.api.permissions.MayCall"],
    "DEFAULT_PARSER_CLASSES": ["otms.api.parsers.DocumentParser"],
    "DEFAULT_RENDERER_CLASSES": ["otms.api.envelope.EnvelopeRenderer"],
    "DEFAULT_SCHEMA_CLASS": "otms.api.schema.RouteSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "otms.api.envelope.AlwaysJSON",
    "EXCEPTION_HANDLER": "otms.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "otms.api.permissions.Nobody",
    "NON_FIELD_ERRORS_KEY": "",
    "COERCE_DECIMAL_TO_STRING": False,
    "DATETIME_FORMAT": "iso-8601",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "OTMS",
    "DESCRIPTION": "The HTTP API of the OTMS integration engine.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # As the routes are declared, and as a path is written.
    "TAGS": [
        {"name": name, "description": told}
        for name, told in (
            ("User", "Log in and stay logged in; sessions, and who may no longer come in."),
            ("Integration", "What is sent where and when, and what became of each change."),
            ("Transport order", "Orders with their consignments and goods, in one call."),
            ("Business", "Customers, shippers, carriers."),
            ("Consignment", "The parts of orders, one by one."),
            ("Event", "What happened on the way, or shall happen."),
            ("Import", "Rows of other systems become transport orders."),
            ("Mail", "A mail becomes a draft of an order."),
            ("File", "Files that were sent, and files that would be written."),
            ("Alert", "Who is told when deliveries fail, and what they were told."),
            ("Message", "Mails to customers: templates, and the automations that send them."),
            ("Audit trail", "Who did what to which record, and who looked."),
            ("Privacy", "A person's data is erased from what is kept about deliveries."),
            ("App Store", "Ready-made integrations: browse, install, set up."),
        )
    ],
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "FileFormat": "integrations.core.detection.FORMATS",
        "TemplateFormat": "integrations.core.preview.FORMATS",
        "AlertKind": "integrations.models.alert.Kind",
        "KindEnum": "otms.accounts.models.Session.Kind",
        "ObjectStatus": "integrations.models.Status",
        "TaskStatus": "integrations.models.task.TaskStatus",
        "AsOf": "integrations.models.replay.AsOf",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "otms.api.schema.with_refusals",
        "otms.api.schema.in_reading_order",
    ],
    "AUTHENTICATION_WHITELIST": [],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "apiSecret": {"type": "apiKey", "in": "header", "name": "X-API-Secret"},
        }
    },
    "SECURITY": [{"bearer": []}, {"apiKey": [], "apiSecret": []}],
}
