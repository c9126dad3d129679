"""The labeler service: owns people's answers, the only thing here that can't be made again."""
