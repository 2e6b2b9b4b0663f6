"""From a definition to rows: stages run by Ray Data, counted and explained."""
