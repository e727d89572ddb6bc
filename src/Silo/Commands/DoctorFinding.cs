namespace Evergrain.Silo.Commands;

/// <summary>What <c>doctor</c> found out about one part of a server.</summary>
/// <param name="Part">The part: settings, port, journal, lifetimes, certificate, model or clock.</param>
/// <param name="IsFine">Whether nothing is to be done now.</param>
/// <param name="Said">What was found, and what to do.</param>
internal sealed record DoctorFinding(string Part, bool IsFine, string Said)
{
    /// <summary>Whether something is to be done soon.</summary>
    public bool IsWarning { get; init; }
}

/// <summary>A clock that this machine's is compared with.</summary>
/// <param name="Owner">Whose it is.</param>
/// <param name="Ahead">How far this machine's is ahead.</param>
internal sealed record ComparedClock(string Owner, TimeSpan Ahead);
