from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0008_expert_steps'),
    ]

    operations = [
        migrations.AddField(
            model_name='rollouttrace',
            name='diff',
            field=models.TextField(default=''),
        ),
        migrations.AddField(
            model_name='rollouttrace',
            name='tests',
            field=models.TextField(default=''),
        ),
    ]
