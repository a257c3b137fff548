"""The API of files: what comes in is stored as it is, and told what it turned out to be."""

from pathlib import PurePath
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.response import Response

from integrations.api import file_serializers as wire
from integrations.api.refusals import as_error, refuse
from integrations.api.trial_serializers import MappingWarningSerializer
from integrations.core import detection, mapping, preview
from integrations.core.detection import Found, detect
from integrations.core.errors import ExpressionError, Problem
from integrations.models import File, Integration
from otms.accounts import audit
from otms.api.parsers import FormParser
from otms.api.router import route
from otms.api.views import PlatformViewSet
from otms.documents import timestamp

MIME_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "xml": "application/xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "edifact": "application/EDIFACT",
    "x12": "application/EDI-X12",
    "pdf": "application/pdf",
    "text": "text/plain",
}


class FileViewSet(PlatformViewSet):
    """Files that were uploaded; an integration sees its own."""

    model = File
    noun = "file"
    group = "File"

    def get_parsers(self) -> list[Any]:
        # Asked for before DRF knows the action.
        action = getattr(self, "action", None) or self.action_map.get(
            str(self.request.method).lower()
        )
        return [FormParser()] if action == "upload" else super().get_parsers()

    @property
    def own(self) -> Integration | None:
        """The integration that calls, if it is one."""
        return getattr(self.request.user, "integration", None)

    @route(
        "POST",
        "integration/file/upload",
        "upload:integration:file",
        takes_in="file",
        takes=wire.UploadSerializer,
        answers={"file": wire.FileSerializer},
        example={"file": "orders.csv"},
    )
    def upload(self, request: Any) -> Response:
        """Store a file, and tell its format, its encoding and what its records are."""
        given = self.read(wire.UploadSerializer).validated_data
        sent = given["file"]
        content = sent.read()
        found = detect(content)
        stored = File.objects.create(
            platform=self.platform,
            integration=self._integration(given.get("integration_id")),
            original_name=PurePath(sent.name).name,
            purpose=given.get("purpose", ""),
            size=len(content),
            content=content,
            format=found.format,
            encoding=found.encoding or "",
            uploaded_by=str(request.user)[:200],
        )
        warnings = [Problem("file", "look_at_it", text) for text in found.warnings]
        if found.format == "text" and stored.original_name.lower().endswith(".csv"):
            warnings.append(Problem("file", "look_at_it", detection.NO_TABLE))
        if (said := given.get("format", found.format)) != found.format:
            text = f"You say it is {said}; by its content it is {found.format}."
            warnings.append(Problem("format", "another_format", text))
        return self._answer(stored, found, warnings)

    @route(
        "GET",
        "integration/file/<id:id>",
        "get:integration:file",
        answers={"file": wire.FileSerializer},
        costly=True,  # it is looked into anew
    )
    def retrieve(self, request: Any, id: UUID) -> Response:
        """What a file turned out to be; its bytes are not shown."""
        mine = self.records.filter(integration=self.own) if self.own else self.records
        stored = self.record(id, mine)
        audit.looked("get:integration:file", stored)
        return self._answer(stored, detect(bytes(stored.content)), [])

    @route(
        "POST",
        "integration/fileTemplate/mapping:test",
        "test:fileTemplate:mapping",
        takes=wire.TemplateTestSerializer,
        answers={
            "result": serializers.JSONField(),
            "preview": serializers.CharField(),
            "warnings": MappingWarningSerializer(many=True),
        },
        example={
            "mapping": {"number": "$.transportOrder.name", "status": "$.transportOrder.status"},
            "testData": {"transportOrder": {"name": "4711", "status": "planned"}},
            "format": "csv",
        },
    )
    def test_mapping(self, request: Any) -> Response:
        """Apply a mapping to test data, and show the file that would be written."""
        given = self.read(wire.TemplateTestSerializer).validated_data
        refuse([p.under("mapping") for p in mapping.check(given["mapping"])])
        try:
            made = mapping.compile(given["mapping"]).apply(given["test_data"], explain=True)
        except ExpressionError as error:
            refuse([Problem(error.target, "mapping_error", error.said).under("mapping")])
            raise
        try:
            text = preview.written(made.value, given.get("format", "json"))
        except ValueError as error:
            refuse([Problem("format", "does_not_fit", str(error))])
            raise
        warnings = [
            {"target": w.target, "path": w.path, "message": w.message} for w in made.warnings
        ]
        return Response({"result": made.value, "preview": text, "warnings": warnings})

    def _integration(self, id: Any) -> Integration | None:
        if self.own and id in (None, self.own.pk):
            return self.own
        if id is None:
            return None
        known = Integration.objects.of(self.platform).living()
        if found := known.filter(pk=id).first() if not self.own else None:
            return found
        refuse([Problem("integrationId", "unknown", f"There is no integration with the id {id}.")])
        return None

    def _answer(self, stored: File, found: Found, warnings: list[Problem]) -> Response:
        extension = PurePath(stored.original_name).suffix.lstrip(".").lower()
        shown = {
            "id": stored.pk,
            "integrationId": stored.integration_id,
            "name": f"{stored.pk}.{extension}" if extension else str(stored.pk),
            "originalName": stored.original_name,
            "purpose": stored.purpose,
            "size": stored.size,
            "mimeType": MIME_TYPES.get(found.format, "application/octet-stream"),
            "extension": extension,
            "uploadedAt": timestamp(stored.created_at),
            "format": found.format,
            "encoding": found.encoding,
            "delimiter": found.delimiter,
            "structure": found.structure,
        }
        told = {"warnings": [as_error(each) for each in warnings]} if warnings else {}
        return Response({"file": shown, **told})


viewsets = [FileViewSet]
