"""Making a recipe: from a preset, stage by stage, or as text; and the form of one stage."""
