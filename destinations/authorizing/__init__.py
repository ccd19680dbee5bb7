"""What proves to a destination who calls: headers, tokens, certificates, signatures."""
