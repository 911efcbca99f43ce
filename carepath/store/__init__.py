"""What is kept: tables, one transaction for each batch, and the queries. The only place with SQL."""
