"""The shape of the catalogue."""

from rest_framework import serializers

from otms.api.serializers import ObjectValue


class FieldOfEntity(serializers.Serializer):
    """A field that paths can lead to; what it has of limits is as JSON Schema says it."""

    path = serializers.CharField()
    type = serializers.ChoiceField(
        ("string", "number", "integer", "boolean", "object", "array", "any")
    )
    nullable = serializers.BooleanField()
    format = serializers.CharField(required=False)
    enum = serializers.ListField(child=serializers.CharField(), required=False)
    maxLength = serializers.IntegerField(required=False)
    minimum = serializers.FloatField(required=False)
    readOnly = serializers.BooleanField(
        required=False, help_text="True of what no import or call can set."
    )
    description = serializers.CharField(required=False)


class EntityOfCatalogue(serializers.Serializer):
    key = serializers.CharField(help_text="As it is written into `trigger.entity`.")
    label = serializers.CharField()  # type: ignore[assignment]
    actions = serializers.ListField(child=serializers.CharField())
    fields = FieldOfEntity(many=True)  # type: ignore[assignment]
    example = ObjectValue(help_text="What filters and mappings see, with every field filled.")


class MappingOperator(serializers.Serializer):
    name = serializers.CharField()
    kind = serializers.CharField(
        help_text="`source` or `conversion`: an object has one source, and any number of these."
    )
    companions = serializers.ListField(
        child=serializers.CharField(), help_text="Keys that mean something only beside it."
    )
    required = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(), help_text="Those of them that can't be left out."
    )
    description = serializers.CharField()
    example = ObjectValue(help_text="It works on the example of a transport order.")


class FilterOperator(serializers.Serializer):
    name = serializers.CharField()
    takes = serializers.CharField(help_text="What its `value` is, in words.")
    value = ObjectValue(allow_null=True, help_text="The same as JSON Schema; null takes none.")
    description = serializers.CharField()


class OperatorsOfCatalogue(serializers.Serializer):
    mapping = MappingOperator(many=True, help_text="In the order in which they are carried out.")
    filters = FilterOperator(many=True)


class ConnectorOfCatalogue(serializers.Serializer):
    key = serializers.CharField(help_text="As it is written into `dataSources[].connector`.")
    label = serializers.CharField()  # type: ignore[assignment]
    settings = ObjectValue(help_text="JSON Schema of its settings; secrets are `writeOnly`.")


class FormatOfCatalogue(serializers.Serializer):
    key = serializers.CharField()
    mimeType = serializers.CharField(allow_null=True)

    written = serializers.BooleanField(help_text="Can a file template write it?")


class SchemasOfCatalogue(serializers.Serializer):
    """Where the JSON Schemas of the language are."""

    mapping = serializers.CharField()
    filters = serializers.CharField()


class CatalogueSerializer(serializers.Serializer):
    entities = EntityOfCatalogue(many=True)
    operators = OperatorsOfCatalogue()
    connectors = ConnectorOfCatalogue(many=True)
    formats = FormatOfCatalogue(many=True)
    schemas = SchemasOfCatalogue()
