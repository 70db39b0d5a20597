"""What those who run Espalier need: probes and metrics."""
