import django.db.models.functions.text
from django.core.management import CommandError
from django.db import migrations, models
from django.db.models import Count
from django.db.models.functions import Lower


def refuse_pairs(apps, schema_editor):
    """Two people whose names differ by case alone: only the operator knows what to call them."""
    people = apps.get_model("accounts", "User").objects
    names = people.values(plain=Lower("username")).annotate(times=Count("pk")).filter(times__gt=1)
    twice = sorted(names.values_list("plain", flat=True)[:20])
    if twice:
        raise CommandError(
            "Names to log in with are the same in any case from now on, and several people are "
            f"called {', '.join(twice)}. Rename all but one of each in the admin of the version "
            "before, then migrate again."
        )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_login_safety"),
    ]

    operations = [
        migrations.RunPython(refuse_pairs, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("username"),
                name="one_name_in_any_case",
                violation_error_message="Somebody has this username already, if in another case.",
            ),
        ),
    ]
