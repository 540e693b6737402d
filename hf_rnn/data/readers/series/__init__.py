"""Tables of time series: columns, times, numbers, and the parts in which they are learnt and measured."""
