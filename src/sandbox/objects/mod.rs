//! What a create, update or delete means, whoever sends it.
