extension String {
    /// A stranger's words as they may be kept: at most so many scalars of them (a character may have any number), without U+0000,
    /// which the database can't hold.
    public func storable(_ limit: Int) -> String {
        String(UnicodeScalarView(unicodeScalars.lazy.filter { $0 != "\0" }.prefix(limit)))
    }
}
