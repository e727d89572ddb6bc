namespace Evergrain.Silo.Composition;

/// <summary>
/// Gives a user without a home directory one that is empty. A container may run as a user that its image does not know,
/// and .NET refuses to check a certificate where it cannot tell that user's own store.
/// </summary>
internal static class UserHome
{
    // Debian's name for it. Nobody but root can make it, so nobody can put certificates there.
    private const string Empty = "/nonexistent";

    public static void Ensure()
    {
        // Where there is neither the variable nor an entry of the user, .NET gives the root.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOME")) &&
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is "" or "/")
        {
            Environment.SetEnvironmentVariable("HOME", Empty);
        }
    }
}
