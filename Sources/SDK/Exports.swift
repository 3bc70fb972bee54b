// Scores, outcomes, names and JSON values are the words of this library too: `import Affine` is all a program needs.
@_exported public import ArenaAPI
@_exported public import Domain
