"""The search for hyper-parameters: its plan, its trials, the study on disk, and the report."""
