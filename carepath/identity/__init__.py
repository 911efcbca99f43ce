"""Who asks: clients and people, by what they can prove. Rules about what they may do are in ``pathways.access``."""
