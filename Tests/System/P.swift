import TestSupport
import Testing

@Suite struct Placeholder {}
