"""The pages of definitions: by variant, one version, two side by side, and writing the next."""
