package health

// UncachedLag is the check whose results are not kept.
func UncachedLag(s Services, a *Account) Check {
	return NewLag(s, a).(*cached).Check
}
