custom_imports = dict(imports=['cite'], allow_failed_imports=False)
