// Package mongodb keeps the event log in MongoDB, or in a server that speaks
// its protocol. A document is exactly
//
//	{_id: ObjectID, date_time: "YYYY-MM-DDTHH:MM:SSZ", server, category, id, data}
//
// in which all but _id are strings and date_time is the ObjectID's own time.
package mongodb
