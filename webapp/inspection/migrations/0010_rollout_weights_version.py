from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0009_repositories'),
    ]

    operations = [
        migrations.AddField(
            model_name='rollout',
            name='weights_version',
            field=models.PositiveIntegerField(null=True),
        ),
    ]
