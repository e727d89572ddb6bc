namespace Evergrain.Conversations.Turns;

/// <summary>
/// Mistakes that the simulation must find, each in one line of the code it would be made in. Only tests plant them:
/// nothing in the product sets a <c>Planted</c> property.
/// </summary>
[Flags]
internal enum PlantedBug
{
    /// <summary>None: what the product does.</summary>
    None = 0,

    /// <summary>Records take effect in memory when they are handed to the journal, not when they are durable.</summary>
    ApplyBeforeWrite = 1,

    /// <summary>A turn's terminal event leaves before its end is durable.</summary>
    TerminalEventBeforeDurable = 2,

    /// <summary>The journal stores an append wherever its writer believes the log to end.</summary>
    NoFence = 4,

    /// <summary>Another activation's turns are ended in memory alone, and its log is written on.</summary>
    TakeoverWithoutClaim = 8,

    /// <summary>Recovery forgets which request began a turn.</summary>
    RequestIdForgotten = 16,

    /// <summary>A reader gets what comes next in the event log, whichever number it asked for.</summary>
    NoNumberCheck = 32,
}
