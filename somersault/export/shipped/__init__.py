"""What an export carries along as it stands: these files import numpy and nothing of ours."""
