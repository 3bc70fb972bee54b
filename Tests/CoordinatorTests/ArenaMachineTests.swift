import Coordinator
import Testing

@Suite struct Placeholder {}
