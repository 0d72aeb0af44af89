"""The proof: what devices saw, what Kafka has, and a judge that knows only the promises."""
