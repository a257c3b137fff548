"""What callers of the App Store send, and the shapes they get."""

from rest_framework import serializers

from integrations.models import InstallationStatus
from integrations.store.setting import FORMATS, TYPES
from otms.api.serializers import IdField, NonceField, ObjectValue, WireSerializer

NAME = "Tells several installations of one app apart; the app's name if nothing is sent."
SETTINGS = "Values by the names of the app's settings; secrets read as `***`."


class LogoSerializer(serializers.Serializer):
    url = serializers.CharField()


class PublisherSerializer(serializers.Serializer):
    name = serializers.CharField()


class VersionSerializer(serializers.Serializer):
    version = serializers.CharField()
    releaseNotes = serializers.CharField()


class CategorySerializer(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()


class SettingSerializer(serializers.Serializer):
    """What can be filled in; `enum` of an array are the values to choose some of."""

    type = serializers.ChoiceField(list(TYPES))
    title = serializers.CharField()
    description = serializers.CharField(required=False)
    format = serializers.ChoiceField(list(FORMATS), required=False)
    default = serializers.JSONField(required=False)
    enum = serializers.ListField(required=False)
    minimum = serializers.IntegerField(required=False)
    maximum = serializers.IntegerField(required=False)
    required = serializers.BooleanField()  # type: ignore[assignment]
    secret = serializers.BooleanField()


class AppSerializer(serializers.Serializer):
    """An app of the store."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    logo = LogoSerializer(allow_null=True)
    publisher = PublisherSerializer()
    lastVersion = VersionSerializer()
    category = CategorySerializer()
    permissions = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the access token of an installation may call.",
    )
    settings = serializers.DictField(child=SettingSerializer())


class OwnedSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class InstallSerializer(WireSerializer):
    lenient = True

    nonce = NonceField()
    name = serializers.CharField(required=False, max_length=200, help_text=NAME)
    settings = ObjectValue(required=False, help_text=SETTINGS)


class InstallationSerializer(InstallSerializer):
    """An app as it was installed."""

    id = IdField()
    uuid = serializers.UUIDField(read_only=True)
    primary_platform_id = serializers.UUIDField(read_only=True)
    app = AppSerializer(
        read_only=True, allow_null=True, help_text="Null when it is no longer in the store."
    )
    version = serializers.CharField(read_only=True, help_text="The app's, as it is installed.")
    status = serializers.ChoiceField(InstallationStatus.choices, read_only=True)
    message = serializers.CharField(read_only=True, help_text="Why it is not ACTIVE.")
    missing = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="The settings that it needs and does not have.",
    )
    permissions = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What its token was granted."
    )
    integrations = OwnedSerializer(many=True, read_only=True)
    installed_by = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class AccessTokenSerializer(serializers.Serializer):
    """Shown in the answer that makes an installation ACTIVE, and never again."""

    id = serializers.UUIDField()
    token = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())


class BrowseQuery(WireSerializer):
    category_id = serializers.CharField(required=False, help_text="The `id` of a category.")
