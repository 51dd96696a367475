package health

// UncachedLag is the check whose results are not kept.
func UncachedLag(s Services, a *Account, log EventLog) Check {
	return NewLag(s, a, log).(*cached).Check
}
