"""What callers send and see of files and of the templates that read and write them."""

from rest_framework import serializers

from integrations.api.serializers import DocumentValue, MappingValue
from integrations.core import preview
from integrations.core.detection import FORMATS
from otms.api.serializers import IdField, WireSerializer


class UploadSerializer(WireSerializer):
    file = serializers.FileField(max_length=255, help_text="Any file; its bytes are kept.")
    integration_id = IdField(required=False)
    purpose = serializers.CharField(required=False, allow_blank=True, max_length=60)
    format = serializers.ChoiceField(FORMATS, required=False, help_text="What you say it is.")


class FileSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    integrationId = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    originalName = serializers.CharField()
    purpose = serializers.CharField()
    size = serializers.IntegerField()
    mimeType = serializers.CharField()
    extension = serializers.CharField()
    uploadedAt = serializers.DateTimeField()
    format = serializers.ChoiceField(FORMATS)
    encoding = serializers.CharField(allow_null=True)
    delimiter = serializers.CharField(allow_null=True)
    structure = serializers.DictField(allow_null=True)


class TemplateTestSerializer(WireSerializer):
    mapping = MappingValue()
    test_data = DocumentValue()
    format = serializers.ChoiceField(preview.FORMATS, required=False)
