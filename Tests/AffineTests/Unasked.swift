import Affine

/// For environments whose server asks the model itself.
let unasked = ServedModel("owner/name", baseURL: "http://127.0.0.1:1/v1")
