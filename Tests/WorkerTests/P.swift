import Worker
import Testing
@Suite struct Placeholder {}
