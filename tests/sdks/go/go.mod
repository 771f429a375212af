module revurb/tests/sdks

go 1.19

require (
	github.com/avdva/go-pusher v0.2.0
	github.com/pusher/pusher-http-go/v5 v5.1.1
)

require (
	github.com/pkg/errors v0.8.0 // indirect
	golang.org/x/crypto v0.0.0-20200709230013-948cd5f35899 // indirect
	golang.org/x/net v0.0.0-20190404232315-eb5bcb51f2a3 // indirect
	golang.org/x/sys v0.0.0-20190412213103-97732733099d // indirect
)
