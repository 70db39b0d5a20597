"""What those who run Espalier need: probes, metrics, backup and restore."""
