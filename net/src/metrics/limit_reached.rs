//! The limits that refuse or put off work without closing a connection, by the names they are
//! counted under. Limits that close one are [`CloseReason`](crate::CloseReason)s; the rates have a
//! counter of their own.

macro_rules! limits_reached {
    ($($name:ident $label:literal, $doc:literal;)*) => {
        /// A limit that refused or put off work, and closed no connection for it.
        /// [`MetricsSnapshot::limits_reached`](crate::MetricsSnapshot::limits_reached) counts by
        /// it.
        ///
        /// ```
        /// use cafewire_net::LimitReached;
        /// let limit = LimitReached::RoomsPerConnection;
        /// assert_eq!(limit.label(), "rooms_per_connection"); // as in Limits
        /// assert_eq!(LimitReached::ALL[limit.index()], limit);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum LimitReached {
            $(#[doc = $doc] $name,)*
        }

        impl LimitReached {
            /// Every such limit, in the order of [`index`](Self::index).
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The limit's name for metrics: that of its field in [`Limits`](crate::Limits).
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

limits_reached! {
    RoomsPerConnection "rooms_per_connection",
        "A join that would have been one room too many for its sender.";
    Rooms "rooms",
        "A join that would have made one room too many.";
    RoomsPerAddress "rooms_per_address",
        "A join that would have made one room too many for its sender's address.";
    MembersPerRoom "members_per_room",
        "A join to a room that was full.";
    PresenceMembersMax "presence_members_max",
        "A list of members that was asked for in a room too large to tell of them.";
    RoomLogBytes "room_log_bytes",
        "A room that was waited for: its log was full and members that were behind had time left.";
    DeliveriesPerTick "deliveries_per_tick",
        "A tick that delivered as much as it may; other connections wait for the next one.";
    ConnectionDeliveriesPerTick "connection_deliveries_per_tick",
        "A connection that caused as many deliveries as it may in a tick.";
    WriteBytesPerTick "write_bytes_per_tick",
        "A tick that wrote as much as it may; other connections wait for the next one.";
    ConnectionWriteBytesPerTick "connection_write_bytes_per_tick",
        "A connection that was written as much as it may be in a tick.";
    DeparturesPerTick "departures_per_tick",
        "A tick that told as many departures as it may.";
    ReadBytesPerTick "read_bytes_per_tick",
        "A read that took all that one may; the rest is for the next tick.";
    FramesPerTick "frames_per_tick",
        "A connection whose further frames were put off to the next tick.";
    AcceptsPerTick "accepts_per_tick",
        "A tick that accepted as many connections as it may.";
    HandshakesPerTick "handshakes_per_tick",
        "A TLS handshake that was put off to the next tick.";
}

impl LimitReached {
    /// The limit's index in [`ALL`](Self::ALL). It may change between versions: store labels, not
    /// indices.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
