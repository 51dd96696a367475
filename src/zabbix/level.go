package zabbix

import "fmt"

// validated drops values below 0, by which a calculated item says that it knows
// nothing. The item stays supported: 5.0 looks at one that is not only every ten
// minutes.
var validated = Step{"IN_RANGE", "0\n"}

// unlessStale is a formula whose value is dropped when an item of its host has
// had no value for a time.
func unlessStale(formula, key, period string) string {
	return fmt.Sprintf(`((%s)+1)*(count("%s",%s)>0)-1`, formula, key, period)
}

// recent is the sum of the values that are not stale: 0 without any, while last()
// makes the item unsupported that 5.0 then leaves alone for ten minutes.
func recent(key string) string { return fmt.Sprintf(`sum("%s",{$CHATLAB.FRESH.SLOW})`, key) }

// level is the service level of a service on this machine: how much of the last
// hour and day it served, and the rest of the day's error budget. A time in
// which healthd is silent counts as an outage, as nobody knows better.
func level(service, title, up string) []Item {
	served := service + ".served"
	count := func(period, value string) string {
		return fmt.Sprintf(`count("%s",%s,"%s","eq")`, served, period, value)
	}
	share := func(period, value string) string {
		all := fmt.Sprintf(`count("%s",%s)`, served, period)
		return fmt.Sprintf(`100*%s/(%s+(%s=0))`, count(period, value), all, all)
	}
	calculated := func(name, key, formula, units, says string) Item {
		return Item{Name: title + ": " + name, Key: key, Type: Calculated, Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: units, Group: title, Formula: formula, Description: says}
	}
	hour := calculated("availability, last hour", service+".available.hour", unlessStale(share("{$CHATLAB.HOUR}", "1"), served, "{$CHATLAB.HOUR}"), "%",
		"Share of the last hour in which it served; a time without an answer of healthd is an outage.")
	day := calculated("availability, last day", service+".available.day", unlessStale(share("{$CHATLAB.DAY}", "1"), served, "{$CHATLAB.DAY}"), "%",
		"Share of the last day in which it served; a time without an answer of healthd is an outage.")
	hour.Steps, day.Steps = []Step{validated}, []Step{validated}
	// The key of the check holds a macro, and 5.0 does not say whether it is put in where a formula names an item.
	named := Item{Name: title + ": up, for its service level", Key: service + ".up", Type: Dependent, Master: up, Group: title, ValueMap: upDown,
		Description: "The same as the check's value, under a key without macros."}
	return []Item{
		named,
		{Name: title + ": served", Key: served, Type: Calculated, Delay: "{$CHATLAB.DELAY.SERVED}", Group: title, ValueMap: yesNo,
			Formula: fmt.Sprintf(`count("%s",{$CHATLAB.FRESH},"1","eq")>0`, named.Key), Description: "Whether healthd has found it up within three of its looks."},
		hour, day,
		calculated("error budget left", service+".budget", fmt.Sprintf(`100-100*(%s)/(100-{$CHATLAB.SLO})`, share("{$CHATLAB.DAY}", "0")), "%",
			"What is left of the outages that the last day may have; below 0 it is overspent."),
	}
}
