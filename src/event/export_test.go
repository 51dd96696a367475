package event

// MaxUnacked is how many bytes of lines an Emitter keeps.
const MaxUnacked = maxUnacked
