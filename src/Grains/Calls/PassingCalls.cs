namespace Evergrain.Grains.Calls;

/// <summary>
/// Calls that are of no use to a conversation that is not warm: a lease that is renewed or ends, a reader that will not
/// come back, a history that may continue an unstored turn. They say so, and an activation that one of them brings
/// about reads no journal and leaves at once.
/// </summary>
internal static class PassingCalls
{
    private const string Key = "evergrain.passing";

    /// <summary>Whether the call that brought about this activation is one.</summary>
    public static bool IsOne => RequestContext.Get(Key) is true;

    /// <summary>The calls that this method makes from now on are.</summary>
    public static void Begin() => RequestContext.Set(Key, true);
}
