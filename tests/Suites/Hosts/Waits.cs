namespace Evergrain.Suites.Hosts;

/// <summary>The one bound on every wait of a test; reaching it is a failure.</summary>
public static class Waits
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
}
