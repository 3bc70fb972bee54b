import Testing
import Worker

@Suite struct Placeholder {}
