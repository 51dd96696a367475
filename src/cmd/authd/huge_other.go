//go:build !linux

package main

// hugePages is for Linux only.
func hugePages(int) {}
