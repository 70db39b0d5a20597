"""Static files under hashed names, compressed, with imports between our ES modules rewritten to those names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedCompressedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's storage, which also follows the imports of ES modules."""

    support_js_module_import_aggregation = True
