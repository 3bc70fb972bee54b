#if !hasFeature(ExistentialAny) || !hasFeature(InternalImportsByDefault) || !hasFeature(MemberImportVisibility) || !hasFeature(NonisolatedNonsendingByDefault)
    #error("a feature named in Package.swift is not on: check its spelling")
#endif
