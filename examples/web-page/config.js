// The configuration of this page: the only file to change.

// The address of the API, with its stage.
export const API = "http://127.0.0.1:3000/v1";

// A publishable key. It has the permission `Subscriptions/Write` and nothing else, so anyone may read it here.
export const KEY = "pgk_…";

// The channels to subscribe to. They are within the key's scope.
export const CHANNELS = ["ops"];
