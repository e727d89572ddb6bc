using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosting;

/// <summary>Starts the hosts over which a project of tests runs the suites of the wire. It has no state.</summary>
public interface IWireHosts
{
    /// <summary>Conversations over a journal in memory.</summary>
    /// <param name="model">Their model; null: the demo model.</param>
    /// <param name="demoClock">The clock of the demo model; null: the system's.</param>
    Task<ConversationsHost> StartAsync(IModelBackend? model = null, TimeProvider? demoClock = null);

    /// <summary>
    /// Conversations over a SQLite file, with the check that the settings describe. Another host on the same directory
    /// is the same server after a restart.
    /// </summary>
    /// <param name="directory">Where the file is.</param>
    /// <param name="time">The check's clock.</param>
    /// <param name="settings">Options of the section <c>Evergrain</c>.</param>
    Task<StoredHost> StartStoredAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings);
}
