"""What templates read of reports."""
