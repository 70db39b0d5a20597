"""Tags by which pages of other apps show what recipes have to say."""
