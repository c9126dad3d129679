"""The page that lists a folder's runs: a read-only labeler behind the ordinary web gateway."""
